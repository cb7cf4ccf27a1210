{{%AUTOESCAPE context="HTML"}}</main>
<footer>
<div class="wrap">
<p>{{T_FOOTER}}</p>
<p>{{T_PRIVACY}}</p>
</div>
</footer>
</body>
</html>
